"""Ours and the peers', side by side: same work, same run, time and error."""
