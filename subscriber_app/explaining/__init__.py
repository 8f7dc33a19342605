"""Why a request was accepted or rejected, and what one message went through."""
