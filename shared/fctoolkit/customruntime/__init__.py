"""FC's custom-runtime protocol, so that a handler of a built-in runtime runs there unchanged.

    python3 -m fctoolkit.customruntime index.handler --initializer index.initialize --pre-stop index.pre_stop

Standard library only, and never imported where FC's built-in runtime does this work. Knows no events: what
comes to `POST /invoke` goes to the handler as it is, and any other request becomes the event that FC's own
HTTP trigger would have made of it.

    wire        a request and its reply as values
    calls       what a request asks for, by FC's mark or by method and path
    context     the handler's context, from x-fc-* headers
    httpevent   an HTTP request as the trigger's event, a result as an HTTP reply
    handlers    loads a handler, calls it, writes its result or its error down
    worker      one request from start to end: log lines, credentials, turns
    server      HTTP/1.1 on a port

Sources:

- https://www.alibabacloud.com/help/en/functioncompute/fc/context-and-log-format-1 (headers, log lines)
- https://www.alibabacloud.com/help/doc-detail/160686.htm (POST /invoke)
- https://www.alibabacloud.com/help/en/functioncompute/fc/principles-1 (server)
- https://help.aliyun.com/en/functioncompute/fc-2-0/user-guide/custom-runtime-specification-details (status)

Where the vendor is silent, this is what happens:

- Without the header `x-fc-control-path`, which only pages of FC 2.0 name, a request is what its method and
  path say; so `POST /invoke` is an event, whoever sent it.
- A hook that was not named on the command line answers 200. What an initializer returns is not looked at.
- A handler that raises on an HTTP request is answered with 502 and its error payload.
- Addresses of callers: `x-fc-client-ip`, else the last one in `X-Forwarded-For`, else the connection's.
- A list as the value of a response header is sent as so many headers.
- `sys.exit()` in user code ends the instance, as on the built-in runtimes.
"""
