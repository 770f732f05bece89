"""What floors need of one another, as Protocols; the composition root joins them.

Everything here is awaited on the event loop. An adapter that blocks hops to a thread or a process.
"""
