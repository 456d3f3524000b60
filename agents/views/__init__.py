"""Pages of the workforce, and the fragments that other pages take from it by address."""
