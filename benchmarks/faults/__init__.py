"""What the frame loop promises on real devices, held against real faults."""
