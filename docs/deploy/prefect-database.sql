-- Prefect keeps its own tables apart from ours: either can be restored without the other.
CREATE DATABASE prefect;
