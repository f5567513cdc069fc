"""Training, calibration and evaluation of taggers. May import `fiqra.model`, never the reverse."""
