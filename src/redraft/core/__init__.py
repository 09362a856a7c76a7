"""The loop and its parts, in torch alone: recursion, layers, blocks, embeddings, carry."""
