// Pages as the place that a read of a file fills: one of the kernel's, or those of an address space.

import FileSystem
import Machine
import Storage

/// Fills a page from its start; the caller's reference keeps the page.
struct PageSink: ByteSink {
    private let page: PhysicalAddress
    private var position = 0

    init(_ page: PhysicalAddress) { self.page = page }

    mutating func take(_ source: RawSpan) -> Bool {
        guard source.byteCount <= Int(pageSize) - position else { return false }
        let position = position
        Pages.withBytes(of: page) { $0.copy(source, to: position) }
        self.position += source.byteCount
        return true
    }
}

/// Fills the pages of an address space that no process uses yet, from an address on; they are mapped.
struct SpaceSink: ByteSink {
    private let table: PageTable
    private var address: UInt
    /// What `address` is to the kernel, and bytes from there to the end of its page.
    private var place = PhysicalAddress(0)
    private var left = 0

    init(_ table: PageTable, at address: UInt) {
        self.table = table
        self.address = address
    }

    /// Block after block of a segment of any length.
    mutating func take(_ source: RawSpan) -> Bool {
        guard Scheduler.mayGoOn() else { return false }
        var done = 0
        while done < source.byteCount {
            if left == 0 {
                guard let entry = table.entry(for: address), entry.value.isValid else { return false }
                let offset = address & (pageSize - 1)
                place = entry.value.address + offset
                left = Int(pageSize - offset)
            }
            let step = min(left, source.byteCount - done)
            // as many of the span's own bytes as are left of the page
            unsafe source.withUnsafeBytes {
                copy_bytes(
                    UInt64(place.virtual), UInt64(UInt(bitPattern: $0.baseAddress) + UInt(done)), Int64(step))
            }
            place = place + UInt(step)
            address += UInt(step)
            left -= step
            done += step
        }
        return true
    }
}
