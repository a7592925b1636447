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

    @Test func cardsPlacementsAndFeatures() {
        let options = options(
            "ip=10.0.2.15/24 ne0=isa:0x310,9 isa=00:05.0@0x300 ne1=isa:0x330 vt-without=csum,event_idx run=ls")
        #expect(options.misspelt == 0 && options.hintCount == 2)
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
    ]) func misspeltWordsAreCounted(text: String) { #expect(options(text).misspelt == 1) }

    @Test func wordsOfOthersAreNotOurs() {
        #expect(options("").misspelt == 0)
        #expect(options("  neat=1 ne isa vt ne0=pci nea=isa:0x300 root=/dev/vda ").misspelt == 0)
    }

    @Test func thereIsRoomForFourOfEach() {
        let options = options(
            (0..<5).map { "ne\($0)=isa:0x\($0 + 1)00 isa=00:0\($0).0@0x\($0 + 1)00" }.joined(separator: " "))
        #expect(options.hintCount == 4 && options.placements.count == 4 && options.misspelt == 2)
    }
}
