"""The commands isthmus and isthmusd."""
