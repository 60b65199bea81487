"""The pages: what they show, to whom, and the forms by which work is started."""
