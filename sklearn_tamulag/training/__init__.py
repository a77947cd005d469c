"""How the network is trained: batches, targets, the skorch net, callbacks and inference."""
