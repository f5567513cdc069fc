"""All that tagging needs: labels, records, text, encoder, network, decoding and the Tagger. Nothing of training."""
