"""What helps to test against Ringback, and Ringback itself: clocks that a test moves by hand."""
