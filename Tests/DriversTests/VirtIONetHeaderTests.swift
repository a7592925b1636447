// struct virtio_net_hdr on literal bytes (VirtIO 1.2, section 5.1.6).

import NetStack
import Testing

@testable import Drivers

@Suite struct VirtIONetHeaderTests {
    private func emit(_ header: VirtIONetHeader, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        header.emit(to: &raw)
        return bytes
    }

    @Test func emptyHeaderIsZero() {
        #expect(emit(VirtIONetHeader(), 12) == [UInt8](repeating: 0, count: 12))
        #expect(emit(VirtIONetHeader(), 10) == [UInt8](repeating: 0, count: 10))
    }

    @Test func checksumRequestHasStartAndOffset() {
        let header = VirtIONetHeader(OffloadRequest(checksumStart: 34, checksumOffset: 6))
        #expect(emit(header, 12) == [1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0])
        #expect(emit(header, 10) == [1, 0, 0, 0, 0, 0, 34, 0, 6, 0])
    }

    @Test(arguments: [(OffloadRequest.SegmentKind.tcpIPv4, UInt8(1)), (.tcpIPv6, 4), (.udp, 5)])
    func segmentationHasKindSizeAndTheLengthOfAllHeaders(kind: OffloadRequest.SegmentKind, type: UInt8) {
        let request = OffloadRequest(
            checksumStart: 34, checksumOffset: 16, segmentation: .init(kind: kind, size: 1448, headerLength: 32))
        #expect(emit(VirtIONetHeader(request), 12) == [1, type, 66, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0])
    }

    @Test func isReadAsItIsWritten() {
        let bytes: [UInt8] = [2, 4, 66, 0, 0xa8, 5, 54, 0, 16, 0, 3, 1]
        let header = unsafe VirtIONetHeader(parsing: bytes.span.bytes)
        #expect(
            header.flags == .dataValid && header.segmentType == 4 && header.headersLength == 66
                && header.segmentSize == 1448)
        #expect(header.checksumStart == 54 && header.checksumOffset == 16 && header.bufferCount == 259)
        #expect(emit(header, 12) == bytes)
        unsafe #expect(VirtIONetHeader(parsing: bytes.span.bytes.extracting(0..<10)).bufferCount == 0)
        unsafe #expect(VirtIONetHeader(parsing: bytes.span.bytes.extracting(0..<9)) == VirtIONetHeader())
    }
}
