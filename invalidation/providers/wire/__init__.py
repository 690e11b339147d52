"""HTTP/1.1 as caches and their vendors are asked: kept connections, pipelined requests, bounds on time and bytes.

deadline → connection → stream → parsing → exchange, each in its module; nothing here knows Django or a provider.
"""
