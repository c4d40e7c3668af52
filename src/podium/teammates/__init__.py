"""What teammates hand over, from any code base: answers to vote with, and members for the ensemble."""
