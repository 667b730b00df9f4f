"""One or many pretrained encoders, frozen or trained, whole or truncated, turned into one vector per word."""
