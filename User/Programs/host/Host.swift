// host: asks name servers about a name, or for the name of an address.

import NetStack
import SystemInterface
import UserLibrary

@main enum Host: Program {
    static let usage: StaticString = """
        usage: host [-t type] [-W seconds] name [server]
               host [-W seconds] address [server]
        Asks the name servers about a name and prints what they say; of an address, the name that belongs to it. A name without
        a dot is first looked for in the search domains. The servers are those set by hand (see nameserver), else the lease's.
          -t  what is asked for: a, aaaa, cname, mx, ns, ptr, soa, srv, txt, any, or a number (a)
          -W  give up after so many seconds (15)
        Exit status 1 if there is none.
        """
    static let options: StaticString? = "t:W:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: UserLibrary.Arguments) -> Int32 {
        let milliseconds = arguments.milliseconds("W") ?? 15_000
        guard arguments.count == 1 || arguments.count == 2 else {
            arguments.refuse("one name, and perhaps a server, is needed")
        }
        var type = RecordType.a
        if let wanted = arguments.value("t") {
            guard let found = RecordType(wanted) else { arguments.refuse("-t \(wanted): no type of records") }
            type = found
        }
        let name = arguments[0]
        do throws(SystemError) {
            var servers: [NetworkAddress] = []
            if arguments.count == 2 {
                servers = [addressOrEnd(arguments[1])]
                print("Using server \(address: servers[0])\n")
            } else {
                try System.forEach(.nameServers, NameServerReport()) { servers.append($0.address) }
                if servers.isEmpty {  // a lease that is on its way may name some
                    try awaitLease()
                    try System.forEach(.nameServers, NameServerReport()) { servers.append($0.address) }
                }
            }
            guard !servers.isEmpty else { fail("no name server is known: name one, or set one with nameserver") }
            let client = Client(servers: servers, deadline: System.clock + UInt64(milliseconds) * 1_000_000)
            if arguments.value("t") == nil, let address = parseAddress(name)?.ipv4 {
                return try client.ask(reverse(address), .ptr)
            }
            return try search(name, type, client)
        } catch {
            fail("\(name): \(error)")
        }
    }

    /// Waits a while for the first lease that is being asked for.
    private static func awaitLease() throws(SystemError) {
        for interface in try allInterfaces() where interface.flags.contains(.dynamic) {
            do throws(SystemError) {
                _ = try System.requestLease(Int32(interface.number), milliseconds: 6000)
                return
            } catch .timedOut {}
        }
    }

    /// The name under which an address's name stands (RFC 1035, 3.5).
    private static func reverse(_ address: UInt32) -> Text {
        "\(address & 255).\(address >> 8 & 255).\(address >> 16 & 255).\(address >> 24).in-addr.arpa"
    }

    private static func search(_ name: CString, _ type: RecordType, _ client: Client) throws(SystemError) -> Int32 {
        let plain: Text = "\(name)"
        guard !plain.bytes.contains(0x2e) else { return try client.ask(plain, type) }
        for domain in try searchDomains() {
            let question: Text = "\(name).\(domain)"
            let answer = try client.answer(question, type)
            if answer.hasRecords { return client.show(answer, question, type) }
        }
        return try client.ask(plain, type)
    }

    /// The domains of the first lease that has any.
    private static func searchDomains() throws(SystemError) -> [Text] {
        for interface in try allInterfaces() where !interface.flags.contains(.loopback) {
            let lease = try System.lease(Int32(interface.number))
            guard lease.domainCount > 0 else { continue }
            var domains = [Text()]
            for index in 0..<Int(lease.domainCount) {
                let byte = lease.domain(index)
                if byte == 0x20 { domains.append(Text()) } else { domains[domains.count - 1].bytes.append(byte) }
            }
            return domains
        }
        return []
    }
}
