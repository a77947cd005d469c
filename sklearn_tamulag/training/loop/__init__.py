"""What happens: the net, its steps and epochs, and what watches over them."""
