"""What homes measure: one port, its drivers, what is kept for how long. Alarms and cases never wait for it."""
