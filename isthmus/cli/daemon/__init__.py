"""``isthmusd``'s commands as tools of the Cosmos SDK call them: names, options, files and JSON."""
