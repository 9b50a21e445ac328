"""Single pictures of random people, as varied as can be: what estimators are trained on."""
