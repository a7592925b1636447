// Messages and texts: DHCP replies, domain names, addresses and boot arguments.

import Drivers
import NetStack

enum Messages {
    /// A server's reply, and the lease that it makes.
    static func dhcp(_ bytes: RawSpan) -> UInt64 {
        let reply: DHCPReply
        do { reply = try DHCPReply(parsing: bytes) } catch { return 0 }
        var sum = UInt64(reply.transaction)
        for i in 0..<reply.nameServers.count { sum &+= UInt64(reply.nameServers[i].bits) }
        for i in 0..<reply.domains.count { sum &+= UInt64(reply.domains[i]) }
        guard let lease = DHCPLease(reply) else { return sum }
        precondition(lease.address.isUnicast && (1...32).contains(lease.prefixLength), "a lease of no host's address")
        precondition(
            lease.leaseTime > 0 && lease.renewalTime <= lease.rebindingTime && lease.rebindingTime <= lease.leaseTime,
            "a lease's times out of order")
        return sum &+ UInt64(lease.leaseTime)
    }

    /// Names at every offset of a message.
    static func dns(_ bytes: RawSpan) -> UInt64 {
        var sum: UInt64 = 0
        var found = DNSName()
        for start in 0..<min(bytes.byteCount, 128) {
            var offset = start
            guard found.parse(bytes, at: &offset) else { continue }
            precondition(
                offset > start && offset <= bytes.byteCount && found.count <= DNSName.capacity,
                "a name beyond its message")
            found.forEachCharacter { sum = sum &* 31 &+ UInt64($0) }
        }
        var name = DNSName()
        if name.append(text: bytes) { precondition(name.count <= DNSName.capacity, "a name that is too long") }
        return sum
    }

    /// Boot arguments.
    static func bootArguments(_ bytes: RawSpan) -> UInt64 {
        let options = unsafe bytes.withUnsafeBytes { bytes in
            // They are read within this call.
            unsafe bytes.baseAddress.map { unsafe BootOptions(DeviceTreeBytes(unsafe: $0, count: bytes.count)) }
        }
        guard let options else { return 0 }
        if let address = options.address {
            precondition((1...32).contains(address.prefixLength) && address.bits >> 29 != 7, "settings for no host")
        }
        precondition(options.nameServerCount <= 3 && options.hintCount <= 4, "more than there is room for")
        return options.refused
    }
}
