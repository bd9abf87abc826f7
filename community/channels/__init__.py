"""Ways to reach people, each behind the one port of community.channels.port."""
