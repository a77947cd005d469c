"""What is trained towards: targets, classes, labels of the modalities, and the loss."""
