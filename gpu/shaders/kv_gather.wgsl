// kv_gather.wgsl: copies keys and values from slots of one cache to slots of
// another, bit for bit. It moves words and knows nothing of their type, so it
// serves every cache type.
//
//     k_out[to] = k_cache[from], v_out[to] = v_cache[from]       for each (from, to) of moves
//
// Shapes     k_cache, v_cache, k_out, v_out (slots of all heads, row_words) words
//            moves (n_moves) vec2(from, to), slots counted from the start of the buffers
// Dispatch   (as many as there are words to copy / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one word of the rows one behind the other
// Limits     k_out and v_out must not be k_cache or v_cache; no two moves to one slot; fewer than 2^32 words
// Twin       ref/kv_gather.go
// Source     definition

struct Params {
    n_moves: u32,
    row_words: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> k_cache: array<u32>;
@group(0) @binding(2) var<storage, read> v_cache: array<u32>;
@group(0) @binding(3) var<storage, read_write> k_out: array<u32>;
@group(0) @binding(4) var<storage, read_write> v_out: array<u32>;
@group(0) @binding(5) var<storage, read> moves: array<vec2<u32>>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WG_SIZE;
    if i < params.n_moves * params.row_words {
        let slots = moves[i / params.row_words];
        let word = i % params.row_words;
        k_out[slots.y * params.row_words + word] = k_cache[slots.x * params.row_words + word];
        v_out[slots.y * params.row_words + word] = v_cache[slots.x * params.row_words + word];
    }
}
