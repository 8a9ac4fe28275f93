"""When it happens: thin Prefect flows over the use cases. The only room that imports prefect."""
