print("motet")
