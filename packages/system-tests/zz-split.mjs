import { startSystem } from '@posthorn/testkit';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { publishMany } from './dist/bench/load.js';
process.env.POSTHORN_ROOT='/work/main';
const s = await startSystem({ api: { QSTASH_TOKEN: 'bench', LOG_LEVEL: 'warn' }, dispatcher: { LOG_LEVEL: 'warn' } });
const pids={api:s.api.pid,dispatcher:s.dispatcher.pid,redis:s.redis.pid?.()??s.redis.pid};
const cpu=p=>readdirSync(`/proc/${p}/task`).reduce((a,t)=>{try{return a+ +readFileSync(`/proc/${p}/task/${t}/schedstat`,'utf8').split(' ')[0]/1e6}catch{return a}},0);
const burst=async(sec)=>{const t0=performance.now();for(let n=1;n<=sec*10;n++){await publishMany(s.api.url,s.receiver.url+'/m',30,30);await new Promise(r=>setTimeout(r,t0+n*100-performance.now()))}};
await publishMany(s.api.url,s.receiver.url+'/m',6000,100);
const only=process.argv[2]?.split(',')??['none','overview','log'];
const sums={};
for(let round=0;round<3;round++)for(const kind of only){
 const c=kind==='none'?undefined:spawn(process.execPath,['dist/bench/tab-clients.js','19555',s.api.url,kind,'10'],{stdio:'ignore'});
 await burst(3);
 const a=Object.fromEntries(Object.entries(pids).map(([k,p])=>[k,cpu(p)]));
 await burst(6);
 for(const [k,p] of Object.entries(pids))(sums[kind]??={})[k]=((sums[kind][k])??0)+(cpu(p)-a[k])/6/3;
 c?.kill(); await new Promise(r=>setTimeout(r,500));
}
console.log(JSON.stringify(sums,(k,v)=>typeof v==='number'?Math.round(v):v));
await s.stop();process.exit(0);
