"""Moving blobs between locations and deleting orphans."""
