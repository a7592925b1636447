// Makes a frame right where a random change has no chance to be: checksums, and identifiers of what the stack asked
// last.

/// What the stack sent last, so that replies can be made to fit.
struct Questions {
    private var transaction: [UInt8] = []
    private var echo: [UInt8] = []
    private var name: (port: [UInt8], identifier: [UInt8])?

    /// Looks at a frame that the stack sent.
    mutating func note(_ frame: [UInt8]) {
        guard frame.count >= 46, frame[12] == 8, frame[13] == 0, frame[14] == 0x45 else { return }
        if frame[23] == 1, frame[34] == 8 { echo = Array(frame[38..<42]) }
        guard frame[23] == 17 else { return }
        if frame[36] == 0, frame[37] == 67, frame.count >= 50 { transaction = Array(frame[46..<50]) }
        if frame[36] == 0, frame[37] == 53 { name = (Array(frame[34..<36]), Array(frame[42..<44])) }
    }

    /// Writes them into an answer.
    func fit(_ frame: inout [UInt8]) {
        guard frame.count >= 50, frame[12] == 8, frame[13] == 0, frame[14] == 0x45 else { return }
        if frame[23] == 1, frame[34] == 0, !echo.isEmpty { frame.replaceSubrange(38..<42, with: echo) }
        guard frame[23] == 17 else { return }
        if frame[34] == 0, frame[35] == 67, !transaction.isEmpty { frame.replaceSubrange(46..<50, with: transaction) }
        if frame[34] == 0, frame[35] == 53, let name {
            frame.replaceSubrange(36..<38, with: name.port)
            frame.replaceSubrange(42..<44, with: name.identifier)
        }
    }
}

enum Repair {
    /// Is from a server to a DHCP client.
    static func isForDHCPClient(_ frame: [UInt8]) -> Bool {
        frame.count >= 38 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] == 17 && frame[36] == 0
            && frame[37] == 68
    }

    /// The checksums of IPv4, and of ICMP and UDP in whole datagrams, as far as the lengths make sense.
    static func checksums(_ frame: inout [UInt8]) {
        guard frame.count >= 34, frame[12] == 8, frame[13] == 0, frame[14] >> 4 == 4 else { return }
        let headerCount = Int(frame[14] & 15) * 4
        let total = Int(frame[16]) << 8 | Int(frame[17])
        guard headerCount >= 20, 14 + headerCount <= frame.count else { return }
        put(0, 24, &frame)
        put(~sum(frame, 14, 14 + headerCount), 24, &frame)
        let start = 14 + headerCount, end = 14 + total
        let isFragment = (Int(frame[20]) << 8 | Int(frame[21])) & 0x3fff != 0
        guard !isFragment, end <= frame.count, end >= start + 8 else { return }
        if frame[23] == 1 {
            put(0, start + 2, &frame)
            put(~sum(frame, start, end), start + 2, &frame)
        } else if frame[23] == 17 {
            let length = Int(frame[start + 4]) << 8 | Int(frame[start + 5])
            guard length >= 8, start + length <= end, frame[start + 6] != 0 || frame[start + 7] != 0 else { return }
            put(0, start + 6, &frame)
            let value = ~sum(frame, start, start + length, initial: pseudoHeader(frame, length))
            put(value == 0 ? 0xffff : value, start + 6, &frame)
        }
    }

    private static func pseudoHeader(_ frame: [UInt8], _ length: Int) -> UInt32 {
        UInt32(sum(frame, 26, 34)) + 17 + UInt32(length)
    }

    /// RFC 1071, byte by byte: not the stack's own.
    static func sum(_ bytes: [UInt8], _ start: Int, _ end: Int, initial: UInt32 = 0) -> UInt16 {
        var total = initial
        for i in start..<end { total += UInt32(bytes[i]) << ((i - start) % 2 == 0 ? 8 : 0) }
        while total > 0xffff { total = (total & 0xffff) + (total >> 16) }
        return UInt16(total)
    }

    private static func put(_ value: UInt16, _ at: Int, _ frame: inout [UInt8]) {
        frame[at] = UInt8(value >> 8)
        frame[at + 1] = UInt8(value & 255)
    }
}
