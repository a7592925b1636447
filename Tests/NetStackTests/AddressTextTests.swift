// Addresses and boot arguments as text, well-formed and not.

import Testing

@testable import NetStack

@Suite struct AddressTextTests {
    func address(_ text: String) -> IPv4Address? { withBytes(Array(text.utf8)) { IPv4Address(parsing: $0) } }
    func settings(_ text: String) -> InterfaceSettings? {
        withBytes(Array(text.utf8)) { InterfaceSettings(bootArguments: $0) }
    }

    @Test func wellFormedAddressesAreRead() {
        #expect(address("10.0.2.15") == guestAddress)
        #expect(address("255.255.255.255") == .broadcast)
        #expect(address("0.0.0.0") == .any)
    }

    @Test(arguments: [
        "", "10", "10.0.2", "10.0.2.", "10.0.2.256", "10.0.2.15.", "10.0.2.1555", " 10.0.2.15", "10..2.15", "a.b.c.d",
        "10.0.2.-1",
    ])
    func malformedAddressesAreRefused(text: String) { #expect(address(text) == nil) }

    @Test func bootArgumentsGiveAddressPrefixAndGateway() {
        let whole = settings("quiet ip=10.0.2.15/24 gateway=10.0.2.2 run=ls")
        #expect(whole?.address == guestAddress && whole?.prefixLength == 24 && whole?.gateway == peerAddress)
        let short = settings("ip=192.168.7.9")
        #expect(short?.prefixLength == 24 && short?.gateway == nil)
        #expect(settings("gateway=10.0.2.2 ip=10.0.2.15/8")?.prefixLength == 8)
    }

    @Test(arguments: [
        "", "ip=", "ip=10.0.2", "ip=10.0.2.15/33", "ip=10.0.2.15/", "ip=10.0.2.15x", "zip=10.0.2.15", "ip=224.0.0.1",
        "ip=0.0.0.0",
    ])
    func bootArgumentsWithoutAUsableAddressGiveNothing(text: String) { #expect(settings(text) == nil) }
}
