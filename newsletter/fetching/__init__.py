"""The one HTTP client: what any part of the product fetches from outside goes through `client.Fetcher`."""
