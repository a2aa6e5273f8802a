"""The only users of sqlite, HTTP, MQTT and the clock."""
