// Loaded into `s` by NODE_OPTIONS: sends what is meant for the vendor to the local cloud, and lets nothing else out.
//
// The component fc3 takes other addresses for Function Compute and OSS from the environment, but none for
// ResourceManager, which every trigger of EventBridge asks. So requests are turned where all of them are made. The Host
// header and all that is signed stay as they are, so the local cloud verifies real signatures.
"use strict";

const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const { syncBuiltinESMExports } = require("node:module");
const { urlToHttpOptions } = require("node:url");

const cloud = new URL(process.env.LOCALCLOUD_URL);
const cloudHost = cloud.hostname.replace(/^\[|\]$/g, "");
const VENDOR = /(^|\.)aliyuncs\.com$/i;
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/i;

// What the local cloud is asked instead. The wire is plain: an agent or a connection made for TLS does not fit it.
function turned(options, host) {
  const headers = { ...options.headers };
  if (!Object.keys(headers).some((name) => name.toLowerCase() === "host")) headers.host = host;
  const { createConnection, socketPath, lookup, servername, ...rest } = options;
  const place = { protocol: "http:", hostname: cloudHost, host: cloudHost, port: cloud.port || 80 };
  return { ...rest, ...place, defaultPort: 80, agent: false, headers };
}

const plainRequest = http.request;

function redirecting(original) {
  return function request(...given) {
    const [first, second] = given;
    const callback = given.find((one) => typeof one === "function");
    const named = typeof first === "string" ? new URL(first) : first;
    const options =
      named instanceof URL
        ? { ...urlToHttpOptions(named), ...(typeof second === "object" ? second : {}) }
        : { ...named };
    const host = String(options.hostname || options.host || "localhost").replace(/:\d+$/, "");
    return VENDOR.test(host)
      ? plainRequest.call(http, turned(options, host), callback)
      : original.apply(this, given);
  };
}

for (const module of [http, https]) {
  const request = redirecting(module.request);
  module.request = request;
  module.get = (...given) => {
    const made = request(...given);
    made.end();
    return made;
  };
}
syncBuiltinESMExports();

// Everything over TCP is connected here, whichever library asks for it.
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function guarded(...given) {
  const [first, second] = Array.isArray(given[0]) ? given[0] : given;
  const options =
    typeof first === "object" && first !== null ? first : { port: first, host: typeof second === "string" ? second : "" };
  const host = options.host || "localhost";
  if (options.path || host === cloudHost || LOOPBACK.test(host)) return connect.apply(this, given);
  const refusal = `a deployment to the local cloud lets nothing leave this machine; something asked for ${host}`;
  process.nextTick(() => this.destroy(new Error(refusal)));
  return this;
};
