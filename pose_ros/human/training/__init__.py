"""Training our own estimators: labelled pictures, what is done to them, and a loop that can be stopped."""
