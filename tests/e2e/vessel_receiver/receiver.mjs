// The receiver that Vessel's document shows ("Processing incoming webhook events"), for tests.
//
// Two things differ from what is printed there: the types are left out, and it answers. As printed, `res.status(200)`
// without `.end()` and the `return` of each case send nothing, and every sender would wait in vain. What came is kept
// as it came, to be asked for.

import crypto from "node:crypto";
import express from "express";

const tokens = new Map();
const seen = [];
let failures = 0;

const app = express();
app.use(express.json({ verify: (req, res, body) => { req.raw = body.toString("utf8"); } }));

const getAccessTokenForConnection = async (connectionId) => tokens.get(connectionId);
const hash = (s) => crypto.createHash("sha256").update(s).digest("hex");

app.post("/webhook", async (req, res) => {
  const kept = { body: req.raw, headers: req.rawHeaders, verified: false };
  seen.push(kept);
  const timestamp = req.headers["x-vessel-timestamp"];
  const connectionId = req.headers["x-vessel-connection-id"];
  const accessToken = await getAccessTokenForConnection(connectionId);
  const signature = `${accessToken}${JSON.stringify(req.body)}${timestamp}`;

  if (hash(signature) !== req.headers["x-vessel-signature"]) {
    throw new Error("Unable to validate signature");
  }
  kept.verified = true;
  const event = req.body;
  switch (event.type) {
    case "OBJECT_CHANGE":
      kept.processed = ["object", event.data.objectType, event.data.eventType];
      break;
    case "STATUS_CHANGE":
      kept.processed = ["status", event.data.status];
      break;
  }
  if (failures > 0) {
    failures -= 1;
    return res.status(503).end();
  }
  return res.status(200).end();
});

// What the test tells and asks.
app.put("/connections/:id", (req, res) => {
  tokens.set(req.params.id, req.body.accessToken);
  res.status(204).end();
});
app.put("/failures", (req, res) => {
  failures = req.body.count;
  res.status(204).end();
});
app.get("/seen/:id", (req, res) => {
  const of = (one) => one.headers[one.headers.indexOf("x-vessel-connection-id") + 1];
  res.json(seen.filter((one) => of(one) === req.params.id));
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// It ends with the test that started it.
process.stdin.resume().on("end", () => process.exit(0));
