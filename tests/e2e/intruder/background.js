// The tests evaluate in intruder.html; nothing runs here.
