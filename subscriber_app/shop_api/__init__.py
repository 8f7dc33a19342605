"""What the subscriber asks the shop for."""
