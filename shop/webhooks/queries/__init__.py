"""What people and programs ask about deliveries and endpoints."""
