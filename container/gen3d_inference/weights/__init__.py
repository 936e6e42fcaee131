"""The models' files: where they come from, that they are whole, and where the endpoint finds them."""
