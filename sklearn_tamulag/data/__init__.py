"""The ground: padded rows of several modalities, the forms they come in, the files they go to."""
