// System calls of the network.

import NetStack
import Storage
import SystemInterface

enum NetworkCalls {
    /// ping: one echo request and its reply (SystemCallNumber.ping has the contract).
    static func ping(address: UserAddress, payload: Int32, milliseconds: Int32, reply: UserAddress) throws(SystemError)
        -> Int
    {
        guard payload >= 0, milliseconds > 0 else { throw .invalidArgument }
        let destination = IPAddress(try address.load(as: NetworkAddress.self))
        current.value.pingSequence &+= 1
        let answer = try Echoes.ping(
            destination, payload: Int(payload), sequence: current.value.pingSequence,
            timeout: .milliseconds(UInt64(milliseconds)))
        try reply.store(
            PingReply(
                roundTripNanoseconds: answer.roundTrip.nanoseconds, bytes: answer.byteCount, sequence: answer.sequence,
                timeToLive: answer.timeToLive))
        return 0
    }

    /// loop_device: SystemCallNumber.loopDevice has the contract.
    static func loopDevice(_ interface: Int32, count: Int32, byteCount: Int32) throws(SystemError) -> Int {
        try current.requirePrivilege()
        guard interface >= 0 else { throw .networkDown }
        return try Network.loopDevice(Int(interface), count: Int(count), byteCount: Int(byteCount))
    }

    /// rings_open: SystemCallNumber.ringsOpen has the contract.
    static func openRings(_ address: UserAddress) throws(SystemError) -> Int {
        try current.requirePrivilege()
        var request = try address.load(as: PacketRingsRequest.self)
        guard current.value.files.hasRoom else { throw .tooManyFiles }
        let place = try FilePlace(for: current.value.files)
        let rings = try RingsFile(&request, in: current.space, buffersOf: try lender(request))
        try address.store(request)
        return try FileCalls.add(OpenFile(.rings(rings), readable: true, writable: true, at: place))
    }

    /// The memory that has the buffers which a request names; nil: it wants its own.
    private static func lender(_ request: PacketRingsRequest) throws(SystemError) -> RingsMemory? {
        guard request.buffersOf > 0 else { return nil }
        switch try current.value.files.file(Int32(request.buffersOf) - 1).value.kind {
        case .rings(let rings): return rings.memory.lend()
        default: throw .invalidArgument
        }
    }

    /// rings_sync: SystemCallNumber.ringsSync has the contract.
    static func synchroniseRings(_ descriptor: Int32, _ what: Int32) throws(SystemError) -> Int {
        switch try current.value.files.file(descriptor).value.kind {
        case .rings(let rings): try rings.synchronise(PacketRingSync(rawValue: UInt32(bitPattern: what)))
        default: throw .invalidArgument
        }
        return 0
    }

    /// resolve: looks a name up (SystemCallNumber.resolve has the contract).
    static func resolve(_ name: UserAddress, milliseconds: Int32, report: UserAddress) throws(SystemError) -> Int {
        guard milliseconds > 0 else { throw .invalidArgument }
        var text = [256 of UInt8](repeating: 0)
        var span = text.mutableSpan
        var bytes = span.mutableRawBytes
        let length = try name.copyString(to: &bytes)
        let answer = try Names.resolve(
            text.span.rawBytes.extracting(0..<length), timeout: .milliseconds(UInt64(milliseconds)))
        try report.store(answer)
        return 0
    }

    /// dhcp_request: gets, shows or gives back a lease (SystemCallNumber.dhcpRequest has the contract).
    static func requestLease(interface: Int32, milliseconds: Int32, report address: UserAddress) throws(SystemError)
        -> Int
    {
        let interface = Int(interface)
        let report: LeaseReport
        switch milliseconds {
        case 1...: report = try Leases.request(interface, timeout: .milliseconds(UInt64(milliseconds)))
        case 0: report = try Leases.report(interface)
        case -1:
            try Leases.release(interface)
            report = try Leases.report(interface)
        default: throw .invalidArgument
        }
        if address.rawValue != 0 { try address.store(report) }
        return 0
    }
}
