// The stack's addresses as the records that cross the system-call border.

import NetStack
import SystemInterface

extension NetworkAddress {
    @inline(__always) init(_ address: IPAddress) { self.init(high: address.high, low: address.low) }

    /// 0.0.0.0 is no address: `::`.
    init(_ address: IPv4Address) { self = address == .any ? .none : NetworkAddress(IPAddress(address)) }
}

extension IPAddress {
    @inline(__always) init(_ record: NetworkAddress) { self.init(high: record.high, low: record.low) }
}

extension SocketAddress {
    @inline(__always) init(_ endpoint: Endpoint) { self.init(NetworkAddress(endpoint.address), port: endpoint.port) }
}

extension Endpoint {
    @inline(__always) init(_ record: SocketAddress) { self.init(IPAddress(record.address), record.port) }
}
