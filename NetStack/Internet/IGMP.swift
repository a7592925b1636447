// IGMP version 2 (RFC 2236): switches and routers learn which groups have members here.
//
// Promise: a report when the first socket joins a group, and once more; one within the time that a query gives, unless
// another member was faster; a leave message when the last socket is gone. A flood of queries makes one report for each
// group and time, and no more.

import Storage

enum IGMPType {
    static var query: UInt8 { 0x11 }
    static var reportVersion1: UInt8 { 0x12 }
    static var report: UInt8 { 0x16 }
    static var leave: UInt8 { 0x17 }
    static var byteCount: Int { 8 }
    /// RFC 2236, 8.10.
    static var unsolicitedInterval: Duration { .seconds(10) }
}

/// What is to be said of one group.
struct GroupReport {
    /// Reports still to be made without a query.
    var repeats: UInt8 = 0
    /// A router that speaks version 1 has asked.
    var isVersion1 = false
    var isLeave = false
}

extension NetStack where Device: ~Copyable {
    /// Has what changed in the groups of sockets said at the next poll.
    mutating func noteGroups() {
        while let place = sockets.groups.takeNews() {
            let isLeave = !sockets.groups.isJoined(place)
            groupReports[place] = GroupReport(repeats: isLeave ? 0 : 1, isLeave: isLeave)
            timers.set(.group(place), at: .start)
            if isLeave { sockets.groups.free(place) }
            groupAddresses[place] = isLeave ? groupAddresses[place] : sockets.groups.group(place) ?? .any
        }
    }

    /// A report or a leave message is due.
    mutating func groupTimer(_ place: Int, now: Instant) {
        let report = groupReports[place]
        let type =
            report.isLeave ? IGMPType.leave : report.isVersion1 ? IGMPType.reportVersion1 : IGMPType.report
        for card in 0..<devices.count where interfaces[InterfaceID.card(card).place].hasAddress {
            sendIGMP(type, groupAddresses[place], at: .card(card), now: now)
        }
        guard report.repeats > 0 else { return }
        groupReports[place].repeats -= 1
        timers.set(.group(place), at: now + randomTime(IGMPType.unsolicitedInterval))
    }

    private mutating func randomTime(_ limit: Duration) -> Duration {
        Duration(nanoseconds: random.number() % max(1, limit.nanoseconds))
    }

    /// 224.0.0.1 is never reported (RFC 2236, 6).
    @inline(never)
    private mutating func sendIGMP(_ type: UInt8, _ group: IPv4Address, at id: InterfaceID, now: Instant) {
        guard group.bits != 0xe000_0001, group.isMulticast else { return }
        let destination = type == IGMPType.leave ? IPv4Address(224, 0, 0, 2) : group
        guard var packet = pool.take(.own), packet.resize(to: IGMPType.byteCount) else {
            return drop(.noPacket, at: id)
        }
        var message = packet.mutableBytes
        message.setBE32(UInt32(type) << 24, 0)
        message.setBE32(group.bits, 4)
        var sum = Checksum()
        sum.add(message.bytes, to: IGMPType.byteCount)
        message.setBE16(sum.value, 2)
        // A router alert behind the header (RFC 2113), without which routers do not look.
        guard packet.prepend(24) else { return }
        var bytes = packet.mutableBytes
        IPv4Header(
            payloadCount: 4 + IGMPType.byteCount, identification: identifications.next(for: destination),
            timeToLive: 1, protocolNumber: IPProtocol.igmp, source: interfaces[id.place].address,
            destination: destination
        ).emit(to: &bytes)
        bytes.setByte(0x46, 0)
        bytes.setBE32(0x9404_0000, 20)
        bytes.setBE16(0, 10)
        var header = Checksum()
        header.add(bytes.bytes, to: 24)
        bytes.setBE16(header.value, 10)
        transmit(packet, to: EthernetAddress(group: destination), type: EtherType.ipv4, at: id, now: now)
    }

    /// Takes a query, or what another member reports.
    @inline(never)
    mutating func inputIGMP(_ packet: consuming Packet, at id: InterfaceID, now: Instant) {
        guard packet.count >= IGMPType.byteCount, Checksum.isRight(packet.bytes, to: packet.count) else {
            return drop(.igmpMalformed, at: id)
        }
        let type = packet.bytes.byte(0), tenths = packet.bytes.byte(1)
        let group = IPv4Address(bits: packet.bytes.be32(4))
        for place in 0..<GroupDemand.limit where sockets.groups.isJoined(place) {
            let isThis = group == groupAddresses[place]
            if type == IGMPType.query, isThis || group == .any {
                groupReports[place].isVersion1 = tenths == 0
                let limit: Duration = tenths == 0 ? .seconds(10) : .milliseconds(100 * UInt64(tenths))
                let due = now + randomTime(limit)
                if due < timers.deadline(of: .group(place)) { timers.set(.group(place), at: due) }
            } else if type == IGMPType.report || type == IGMPType.reportVersion1, isThis {
                groupReports[place].repeats = 0
                timers.cancel(.group(place))  // one member's report is enough
            }
        }
    }
}
