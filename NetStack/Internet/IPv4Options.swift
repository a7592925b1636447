// Options of an IPv4 header as a host deals with them (RFC 791, 3.1; RFC 1122, 3.2.1.8 and 3.2.2.6): looked at in every
// packet, filled in and returned with an echo reply, and otherwise without effect.
//
// Promise: a packet whose options do not add up, or that a source route wants to go on from here, is not answered.

/// Which options a header has, once all of them make sense.
struct IPv4Options {
    private enum Kind {
        static var end: UInt8 { 0 }
        static var noOperation: UInt8 { 1 }
        static var recordRoute: UInt8 { 7 }
        static var timestamp: UInt8 { 68 }
        static var looseSourceRoute: UInt8 { 131 }
        static var strictSourceRoute: UInt8 { 137 }
    }

    /// Where they begin in the header; 0: not there.
    private(set) var recordRoute = 0
    private(set) var timestamp = 0
    private(set) var hasSourceRoute = false

    /// nil when a length or a pointer cannot be, or a source route has not ended.
    @inline(never)
    init?(_ bytes: RawSpan, _ header: IPv4Header) {
        var at = IPv4Header.leastByteCount
        while at < header.headerLength {
            let kind = bytes.byte(at)
            if kind == Kind.end { return }
            if kind == Kind.noOperation {
                at += 1
                continue
            }
            guard at + 1 < header.headerLength else { return nil }
            let length = Int(bytes.byte(at + 1))
            guard length >= 2, at + length <= header.headerLength else { return nil }
            switch kind {
            case Kind.recordRoute:
                guard Self.hasRoom(bytes, at, length, head: 3, slot: 4) != nil else { return nil }
                recordRoute = at
            case Kind.timestamp:
                guard length >= 4, Self.timestampHasRoom(bytes, at, length) != nil else { return nil }
                timestamp = at
            case Kind.looseSourceRoute, Kind.strictSourceRoute:
                guard Self.hasRoom(bytes, at, length, head: 3, slot: 4) == false else { return nil }
                hasSourceRoute = true
            default: break
            }
            at += length
        }
    }

    /// Whether the pointer of an option leaves room for another entry; nil when it points where none can be.
    private static func hasRoom(_ bytes: RawSpan, _ at: Int, _ length: Int, head: Int, slot: Int) -> Bool? {
        guard length >= head else { return nil }
        let pointer = Int(bytes.byte(at + 2))
        guard pointer > head else { return nil }
        if pointer > length { return false }
        return pointer + slot - 1 <= length ? true : nil
    }

    private static func timestampHasRoom(_ bytes: RawSpan, _ at: Int, _ length: Int) -> Bool? {
        let flags = bytes.byte(at + 3) & 15
        guard flags == 0 || flags == 1 || flags == 3 else { return nil }
        let room = hasRoom(bytes, at, length, head: 4, slot: flags == 0 ? 4 : 8)
        return room == false && bytes.byte(at + 3) >> 4 == 15 ? nil : room
    }

    /// Enters this host into the two options that record hosts.
    func fillIn(_ bytes: inout MutableRawSpan, _ address: IPv4Address, now: Instant) {
        if recordRoute > 0 {
            let pointer = Int(bytes.bytes.byte(recordRoute + 2))
            if pointer <= Int(bytes.bytes.byte(recordRoute + 1)) {
                bytes.setBE32(address.bits, recordRoute + pointer - 1)
                bytes.setByte(UInt8(truncatingIfNeeded: pointer + 4), recordRoute + 2)
            }
        }
        guard timestamp > 0 else { return }
        var pointer = Int(bytes.bytes.byte(timestamp + 2))
        let flags = bytes.bytes.byte(timestamp + 3)
        guard pointer <= Int(bytes.bytes.byte(timestamp + 1)) else {
            return bytes.setByte(flags &+ 0x10, timestamp + 3)  // one more host that found no room
        }
        if flags & 15 == 3, bytes.bytes.be32(timestamp + pointer - 1) != address.bits { return }
        if flags & 15 != 0 {
            bytes.setBE32(address.bits, timestamp + pointer - 1)
            pointer += 4
        }
        // The stack knows no time of day; a time of its own has the top bit set.
        let milliseconds = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000)
        bytes.setBE32(milliseconds | 1 << 31, timestamp + pointer - 1)
        bytes.setByte(UInt8(truncatingIfNeeded: pointer + 4), timestamp + 2)
    }

    /// Makes all options but the two that record hosts ones without effect.
    func clearOthers(_ bytes: inout MutableRawSpan, headerLength: Int) {
        var at = IPv4Header.leastByteCount
        while at < headerLength {
            let kind = bytes.bytes.byte(at)
            if kind == Kind.end { return }
            let length = kind == Kind.noOperation ? 1 : Int(bytes.bytes.byte(at + 1))
            if at != recordRoute, at != timestamp {
                for i in at..<at + length { bytes.setByte(Kind.noOperation, i) }
            }
            at += length
        }
    }
}

extension NetStack where Device: ~Copyable {
    /// Puts the header of an echo request, with the hosts that it recorded and this one, back in front of the reply.
    /// False, and nothing done, when it recorded none or the reply would not fit.
    @inline(never)
    mutating func returnOptions(in packet: inout Packet, _ ip: IPv4Header, _ route: Route, now: Instant) -> Bool {
        guard ip.headerLength + packet.totalCount <= mtu(of: route, to: IPAddress(ip.source)),
            packet.prepend(ip.headerLength)
        else { return false }
        guard let options = IPv4Options(packet.bytes, ip), !options.hasSourceRoute,
            options.recordRoute + options.timestamp > 0
        else {
            packet.trimFront(ip.headerLength)
            return false
        }
        let header = IPv4Header(
            payloadCount: packet.totalCount - IPv4Header.leastByteCount,
            identification: identifications.next(for: ip.source), protocolNumber: ip.protocolNumber,
            source: ip.destination, destination: ip.source)
        var bytes = packet.mutableBytes
        header.emit(to: &bytes)
        bytes.setByte(0x40 | UInt8(truncatingIfNeeded: ip.headerLength / 4), 0)
        options.clearOthers(&bytes, headerLength: ip.headerLength)
        options.fillIn(&bytes, ip.destination, now: now)
        bytes.setBE16(0, 10)
        var sum = Checksum()
        sum.add(bytes.bytes, to: ip.headerLength)
        bytes.setBE16(sum.value, 10)
        return true
    }
}
