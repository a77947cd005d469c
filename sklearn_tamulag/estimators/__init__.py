"""The estimators: their parameters, the fit they share, what they tell, and how they are saved."""
