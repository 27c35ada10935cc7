def lookup(endpoint, command):
    return None
