// TCP segments as tcpdump writes them.

import NetStack
import SystemInterface
import UserLibrary

/// From the TCP header on, of which twenty bytes are there (RFC 9293, 3.1).
func describeTCP(_ bytes: RawSpan, from base: SequenceBase) -> Text {
    let headerLength = Int(bytes.byte(12) >> 4) * 4
    guard headerLength >= 20, headerLength <= bytes.byteCount else { return "TCP, bad header length \(headerLength)" }
    let flags = bytes.byte(13)
    var letters = Text()
    for (bit, letter) in [
        (2, 0x53), (1, 0x46), (4, 0x52), (8, 0x50), (16, 0x2e), (32, 0x55), (64, 0x45), (128, 0x57),
    ] as [(UInt8, UInt8)] where flags & bit != 0 {
        letters.bytes.append(letter)
    }
    var text: Text = "Flags [\(letters.bytes.isEmpty ? "none" : letters)]"
    let sequence = bytes.be32(4) &- base.sequence
    let length = bytes.byteCount - headerLength
    if length > 0 {
        text = "\(text), seq \(sequence):\(sequence &+ UInt32(truncatingIfNeeded: length))"
    } else if flags & 7 != 0 {
        text = "\(text), seq \(sequence)"
    }
    if flags & 16 != 0 { text = "\(text), ack \(bytes.be32(8) &- base.acknowledgment)" }
    text = "\(text), win \(bytes.be16(14))"
    if flags & 32 != 0 { text = "\(text), urg \(bytes.be16(18))" }
    if headerLength > 20 {
        // Blocks are of what the other side sends.
        text = "\(text), options [\(options(bytes.extracting(20..<headerLength), base.acknowledgment))]"
    }
    return "\(text), length \(length)"
}

/// RFC 9293, 3.2; RFC 7323; RFC 2018.
private func options(_ bytes: RawSpan, _ base: UInt32) -> Text {
    var text = Text()
    var at = 0
    while at < bytes.byteCount {
        if at > 0 { text.append(",") }
        let kind = bytes.byte(at)
        if kind < 2 {
            text.append(kind == 0 ? "eol" : "nop")
            if kind == 0 { return text }
            at += 1
            continue
        }
        guard at + 1 < bytes.byteCount, bytes.byte(at + 1) >= 2, at + Int(bytes.byte(at + 1)) <= bytes.byteCount else {
            text.append("malformed")
            return text
        }
        let value = bytes.extracting(at + 2..<at + Int(bytes.byte(at + 1)))
        text = "\(text)\(option(kind, value, base))"
        at += 2 + value.byteCount
    }
    return text
}

private func option(_ kind: UInt8, _ value: RawSpan, _ base: UInt32) -> Text {
    switch (kind, value.byteCount) {
    case (2, 2): return "mss \(value.be16(0))"
    case (3, 1): return "wscale \(value.byte(0))"
    case (4, 0): return "sackOK"
    case (5, 8...) where value.byteCount % 8 == 0:
        var text: Text = "sack \(value.byteCount / 8) "
        for at in stride(from: 0, to: value.byteCount, by: 8) {
            text = "\(text){\(value.be32(at) &- base):\(value.be32(at + 4) &- base)}"
        }
        return text
    case (8, 8): return "TS val \(value.be32(0)) ecr \(value.be32(4))"
    default: return "option-\(kind) of \(value.byteCount) bytes"
    }
}
