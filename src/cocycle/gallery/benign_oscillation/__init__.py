"""SGD at large rates learns weak features that small rates miss."""
