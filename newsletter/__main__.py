"""`python -m newsletter`: the command line from a checkout, where nothing is installed."""

from newsletter.cli import main

if __name__ == "__main__":
    main()
