// Copies between the kernel and the running process's memory, through the kernel's own map of physical memory: no user
// address is ever dereferenced, so sstatus.SUM stays clear. Each page is found by a walk of the process's table; one
// that is absent or shared is served as its fault would be. A bad address ends the copy with a count or an error.

import Machine
import Storage
import SystemInterface

/// An untrusted user-space address.
struct UserAddress {
    let rawValue: UInt

    init(_ rawValue: UInt64) { self.rawValue = UInt(truncatingIfNeeded: rawValue) }
    private init(_ rawValue: UInt) { self.rawValue = rawValue }

    static func + (address: UserAddress, offset: Int) -> UserAddress {
        UserAddress(address.rawValue &+ UInt(bitPattern: offset))
    }

    /// Bytes from here to the end of the page: 1 to 4,096.
    fileprivate var leftInPage: Int { Int(pageSize - rawValue & (pageSize - 1)) }

    /// Copies bytes here; returns how many were copied before the first byte that could not be.
    @inline(never)
    func copyOut(_ source: RawSpan) -> Int {
        let count = source.byteCount
        // Nearly always within one page.
        guard count <= leftInPage else { return copyOutByPages(source) }
        let place = UserPage.writable(rawValue)
        guard place != 0, count > 0 else { return 0 }
        // the span's own bytes, and as many of the page
        unsafe source.withUnsafeBytes {
            copy_bytes(UInt64(place), UInt64(UInt(bitPattern: $0.baseAddress)), Int64(count))
        }
        return count
    }

    @inline(never)
    private func copyOutByPages(_ source: RawSpan) -> Int {
        var done = 0
        while done < source.byteCount {
            let here = self + done
            let step = min(source.byteCount - done, here.leftInPage)
            guard here.copyOut(source.extracting(done..<done + step)) == step else { break }
            done += step
        }
        return done
    }

    /// Fills `destination` from here; returns how many bytes were copied before the first that could not be.
    @inline(never)
    func copyIn(to destination: inout MutableRawSpan) -> Int {
        let count = destination.byteCount
        guard count <= leftInPage else { return copyInByPages(to: &destination) }
        let place = UserPage.readable(rawValue)
        guard place != 0, count > 0 else { return 0 }
        // the span's own bytes, and as many of the page
        unsafe destination.withUnsafeMutableBytes {
            copy_bytes(UInt64(UInt(bitPattern: $0.baseAddress)), UInt64(place), Int64(count))
        }
        return count
    }

    @inline(never)
    private func copyInByPages(to destination: inout MutableRawSpan) -> Int {
        var done = 0
        while done < destination.byteCount {
            let here = self + done
            let step = min(destination.byteCount - done, here.leftInPage)
            var part = destination._mutatingExtracting(done..<done + step)
            guard here.copyIn(to: &part) == step else { break }
            done += step
        }
        return done
    }

    /// Copies all of a flat record in.
    /// - Throws: badAddress.
    @inline(__always)  // a load or two where the record lies
    func load<T: BitwiseCopyable>(as type: T.Type) throws(SystemError) -> T {
        guard leftInPage >= MemoryLayout<T>.size else { return try loadByPages(as: type) }
        let place = UserPage.readable(rawValue)
        guard place != 0 else { throw .badAddress }
        // within one page of the process's, and any bytes make a flat record
        return unsafe UnsafeRawPointer(bitPattern: place).unsafelyUnwrapped.loadUnaligned(as: type)
    }

    @inline(never)
    private func loadByPages<T: BitwiseCopyable>(as type: T.Type) throws(SystemError) -> T {
        // Room for the record on the stack; its bytes are read only when all of them have come.
        let value: T? = unsafe withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { buffer in
            var bytes = unsafe UnsafeMutableRawBufferPointer(buffer).mutableBytes
            return copyIn(to: &bytes) == MemoryLayout<T>.size ? unsafe buffer[0] : nil
        }
        guard let value else { throw .badAddress }
        return value
    }

    /// Copies all of a flat record out.
    /// - Throws: badAddress.
    @inline(__always)  // a store or two where the record lies
    func store<T: BitwiseCopyable>(_ value: T) throws(SystemError) {
        guard leftInPage >= MemoryLayout<T>.size else { return try storeByPages(value) }
        let place = UserPage.writable(rawValue)
        guard place != 0 else { throw .badAddress }
        // within one page of the process's
        unsafe UnsafeMutableRawPointer(bitPattern: place).unsafelyUnwrapped.storeBytes(of: value, as: T.self)
    }

    @inline(never)
    private func storeByPages<T: BitwiseCopyable>(_ value: T) throws(SystemError) {
        // the value's own bytes
        let copied = unsafe withUnsafeBytes(of: value) { unsafe copyOut($0.bytes) }
        guard copied == MemoryLayout<T>.size else { throw .badAddress }
    }

    /// Copies a NUL-terminated string in, with its NUL; returns its length without the NUL.
    /// - Throws: badAddress; nameTooLong for a string that does not fit.
    @inline(never)
    func copyString(to destination: inout MutableRawSpan) throws(SystemError) -> Int {
        var done = 0
        while done < destination.byteCount {
            let here = self + done
            let place = UserPage.readable(here.rawValue)
            guard place != 0 else { throw .badAddress }
            let step = min(destination.byteCount - done, here.leftInPage)
            // as many bytes as are left of the span and of the page
            let copied = unsafe destination.withUnsafeMutableBytes {
                copy_string(UInt64(UInt(bitPattern: $0.baseAddress) + UInt(done)), UInt64(place), Int64(step))
            }
            if copied < step { return done + Int(copied) }
            done += step
        }
        throw .nameTooLong
    }
}

/// User memory that is filled piece by piece: several pieces of one page cost one walk.
struct UserDestination {
    private var address: UserAddress
    /// What `address` is to the kernel, and bytes from there to the end of its page.
    private var place: UInt = 0
    private var left = 0

    init(_ address: UserAddress) { self.address = address }

    /// Copies all of a piece behind the last one; false if the process may not write there.
    @inline(__always)  // in each read
    mutating func take(_ source: RawSpan) -> Bool {
        let count = source.byteCount
        if left < count {
            let room = address.leftInPage
            if room < count {
                guard address.copyOut(source) == count else { return false }
                address = address + count
                left = 0
                return true
            }
            // It stays there: only the thread itself changes its table.
            place = UserPage.writable(address.rawValue)
            guard place != 0 else { return false }
            left = room
        }
        // the span's own bytes, and as many of a page that `writable` found
        unsafe source.withUnsafeBytes {
            copy_bytes(UInt64(place), UInt64(UInt(bitPattern: $0.baseAddress)), Int64(count))
        }
        address = address + count
        place += UInt(count)
        left -= count
        return true
    }
}

/// Where the kernel finds the running process's bytes. The walk and what follows it need no lock: only the thread
/// itself changes its table.
private enum UserPage {
    /// The kernel's address of the byte at a user address; 0 when the process may not read it.
    @inline(never)
    static func readable(_ address: UInt) -> UInt {
        place(address, PageTableEntry.valid | PageTableEntry.user, isWrite: false)
    }

    /// The same for a byte that the process may write; a shared page is copied first.
    @inline(never)
    static func writable(_ address: UInt) -> UInt {
        place(address, PageTableEntry.valid | PageTableEntry.write | PageTableEntry.user, isWrite: true)
    }

    @inline(__always)  // once for each kind of access
    private static func place(_ address: UInt, _ rights: UInt64, isWrite: Bool) -> UInt {
        // Before the walk: the table's upper half is the kernel's, with larger leaves.
        guard address < userLimit else { return 0 }
        let entry = LoadedTable.own.leaf(address)
        return entry.has(rights) ? entry.address.virtual + address & (pageSize - 1) : serve(address, isWrite)
    }

    @inline(never)
    private static func serve(_ address: UInt, _ isWrite: Bool) -> UInt {
        guard serve_user_fault(UInt64(address), isWrite ? 1 : 0) != 0 else { return 0 }
        return LoadedTable.own.leaf(address).address.virtual + address & (pageSize - 1)
    }
}
