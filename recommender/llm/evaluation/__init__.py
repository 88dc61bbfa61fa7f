"""What the language model layer is worth, measured; ``manage.py evaluate_llm`` prints it."""
