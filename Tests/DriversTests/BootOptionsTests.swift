// What the boot arguments say to drivers.

import Testing

@testable import Drivers

@Suite struct BootOptionsTests {
    private func options(_ text: String) -> BootOptions {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes {
            unsafe BootOptions(
                DeviceTreeBytes(unsafe: $0.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!, count: bytes.count))
        }
    }

    @Test func sideOfASharedMemoryIsTaken() {
        #expect(options("shm=2").sharedSide == 2)
        #expect(options("shm=1 shm=2").sharedSide == 1)
        #expect(options("shm=1 shm=2").refused == 2)
        #expect(options("").sharedSide == 0)
    }

    @Test func cardsPlacementsAndFeatures() {
        let options = options(
            "ip=10.0.2.15/24 ne0=isa:0x310,9 isa=00:05.0@0x300 ne1=isa:0x330 vt-without=csum,event_idx run=ls")
        #expect(options.refused == 0 && options.hintCount == 2)
        #expect(options.hint(0) == ISAHint(port: 0x310, source: 9))
        #expect(options.hint(1) == ISAHint(port: 0x330, source: nil))
        #expect(options.hint(2) == nil && options.hint(-1) == nil)
        #expect(options.placements.port(of: PCIAddress(bus: 0, device: 5, function: 0)) == 0x300)
        #expect(options.placements.port(of: PCIAddress(bus: 0, device: 6, function: 0)) == nil)
        #expect(options.withoutFeatures == 1 | 1 << 29)
    }

    @Test(arguments: [
        "ne0=isa:0x300,", "ne0=isa:0x", "ne0=isa:0xfffff", "ne0=isa:0x300,0", "ne0=isa:0x300,1024", "ne0=isa:0x300x",
        "isa=", "isa=00:05@0x300",
        "isa=00:20.0@0x300", "isa=00:05.8@0x300", "isa=00:05.0@300", "isa=00:05.0@0x300 isa=1:1.1@0x300z",
        "vt-without=", "vt-without=csum,",
        "vt-without=nosuch", "vt-without=csum,,mtu",
    ]) func misspeltWordsAreNoted(text: String) { #expect(options(text).refused.nonzeroBitCount == 1) }

    @Test func unknownWordsAreNoted() {
        #expect(options("").refused == 0)
        #expect(
            options("  run=ls neat=1 ne isa vt ne0=pci nea=isa:0x300 root=/dev/vda stack=2 ").refused == 0b1111_1110)
        #expect(options(String(repeating: "a ", count: 100)).refused == .max)
    }

    @Test func addressRouterAndNameServers() {
        let whole = options("gateway=10.0.2.2 ip=10.0.2.15/24 run=ls nameserver=10.0.2.3,9.9.9.9,1.1.1.1 stack=2")
        #expect(whole.refused == 0 && whole.address == BootAddress(bits: 0x0a00_020f, prefixLength: 24))
        #expect(whole.gateway == 0x0a00_0202 && whole.plainStackPages == 2)
        #expect((0..<4).map { whole.nameServer($0) } == [0x0a00_0203, 0x0909_0909, 0x0101_0101, 0])
        #expect(options("ip=192.168.7.9").address?.prefixLength == 24)
        #expect(options("ip=10.0.2.15/32 gateway=10.9.9.9").gateway == 0x0a09_0909)
        #expect(options("ip=10.0.2.0/31 gateway=10.0.2.1").gateway == 0x0a00_0201)
    }

    @Test(arguments: [
        "ip=", "ip=1.2.3", "ip=10.0.2.15/33", "ip=10.0.2.15/99", "ip=10.0.2.15/0", "ip=10.0.2.15/", "ip=10.0.2.15x",
        "ip=224.0.0.1", "ip=0.0.0.0", "ip=127.0.0.1", "ip=10.0.2.0", "ip=10.0.2.255/24", "ip=10.0.2.015",
        "ip=010.0.2.15",
        "ip=10.0.2.256", "ip=10..2.15", "ip=a.b.c.d", "ip=10.0.2.15 ip=10.0.2.16", "zip=10.0.2.15",
        "gateway=10.0.2.2", "ip=10.0.2.15 gateway=foo", "ip=10.0.2.15 gateway=10.0.3.2",
        "ip=10.0.2.15 gateway=10.0.2.15",
        "nameserver=", "nameserver=1.1.1.1,", "nameserver=1.1.1.1,2", "nameserver=1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4",
        "stack=0", "stack=10", "stack=2x", "shm=0", "shm=3", "shm=", "shm=1x", "run=", "quiet",
    ]) func wrongValuesHaveNoEffect(text: String) { #expect(options(text).refused.nonzeroBitCount == 1) }

    @Test func thereIsRoomForFourOfEach() {
        let options = options(
            (0..<5).map { "ne\($0)=isa:0x\($0 + 1)00 isa=00:0\($0).0@0x\($0 + 1)00" }.joined(separator: " "))
        #expect(options.hintCount == 4 && options.placements.count == 4 && options.refused.nonzeroBitCount == 2)
    }
}
